package unit

// The presets are sandboxes that were seen to bear a Go service, on systemd 247,
// 252 and 257, with the exposure that systemd-analyze security computes (0 is
// none, 10 is all; most packaged services have 9 and more). A service that needs
// more back sets the fields besides: Netlink for net.Interfaces (1.1), Chown for
// os.Chown (1.2), WritableCode for libraries that make code (1.1).

// NetworkSandbox is for a service on a port above 1023: exposure 1.1. It is the
// zero Sandbox.
func NetworkSandbox() Sandbox { return Sandbox{} }

// LowPortSandbox is for a service on a port below 1024, such as :443, that does
// not run as root: exposure 1.4.
func LowPortSandbox() Sandbox { return Sandbox{Capabilities: []string{"CAP_NET_BIND_SERVICE"}} }

// ActivatedSandbox is for a service that gets all its sockets from systemd
// (Service.Sockets), and has no network of its own: exposure 0.2.
func ActivatedSandbox() Sandbox { return Sandbox{NoNetwork: true} }

// JobSandbox is for a job that works on its own directories and ends, without a
// network: exposure 0.2.
func JobSandbox() Sandbox { return Sandbox{NoNetwork: true} }
