package unit_test

import (
	"fmt"
	"strings"

	"github.com/bedplate/bedplate/unit"
)

func ExampleRender() {
	text, err := unit.Render(unit.Timer{Name: "tidy", Description: "Tidy up", Calendar: []string{"daily"}, Persistent: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	// Output:
	// [Unit]
	// Description=Tidy up
	//
	// [Timer]
	// OnCalendar=daily
	// Persistent=yes
	//
	// [Install]
	// WantedBy=timers.target
}

func ExampleLint() {
	f, err := unit.Parse("app.service", strings.NewReader("[Service]\nExecStart=/bin/app\nUser=app\nMemoryMax=512MB\nRestart=always\nRestartSec=5\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range unit.Lint(f, unit.Target{Systemd: 252}) {
		fmt.Println(finding)
	}
	// Output:
	// app.service:4: error: MemoryMax=512MB is ignored by systemd: it is no size; write bytes, or K, M, G or T after the number, without B; correct it (bad-value)
	// app.service:5: warning: RestartSec=5s with StartLimitBurst=5 in 10s never trips the limit: a crash loop goes on for ever; set StartLimitIntervalSec over 25s in [Unit] (restart-never-trips)
}

func ExampleFile_Set() {
	f, err := unit.Parse("app.service", strings.NewReader("[Service]\n# as little as possible\nUser=root\nExecStart=/bin/app\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := f.Set("Service", "User", "app"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(f.Bytes()))
	// Output:
	// [Service]
	// # as little as possible
	// User=app
	// ExecStart=/bin/app
}

func ExampleDecode() {
	f, err := unit.Parse("tidy.service", strings.NewReader("[Service]\nType=oneshot\nExecStart=/usr/bin/tidy \"a b\" 100%%\nKillMode=mixed\nUser=tidy\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	u, err := unit.Decode(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := u.(unit.Service)
	fmt.Printf("%q runs as %s, restarts: %s, installed: %v\n", s.Exec, s.User, s.Restart, !s.NoInstall)
	// Output: ["/usr/bin/tidy" "a b" "100%"] runs as tidy, restarts: no, installed: false
}

func ExampleScore() {
	text, err := unit.Render(unit.Service{Name: "app", Exec: []string{"/opt/app/bin/app"}, User: "app"})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := unit.Parse("app.service", strings.NewReader(string(text)))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := unit.Score(f, unit.Target{Systemd: 257})
	fmt.Println(e, "most of it for", e.Findings[0].Name)
	// Output: 1.1 OK most of it for PrivateNetwork=
}

func ExampleInstance() {
	name, err := unit.Instance("app@.service", "blue/1")
	fmt.Println(name, err)
	// Output: app@blue-1.service <nil>
}
