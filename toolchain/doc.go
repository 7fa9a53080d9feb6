// Package toolchain gets Go SDKs onto a machine and keeps them right.
//
//	sdk := toolchain.SDK{Version: "1.26.x", Source: toolchain.ModuleProxy{Proxies: modules.Proxy}, Use: true}
//	installation, err := toolchain.Install(ctx, sdk)
//	err = installation.Command(ctx, "version").Run()
//
// SDKs lie side by side in one directory (DefaultDir), each published by a
// single rename after its digest matched what a source vouched for, with a link
// "current" that is switched atomically. Nothing needs root. An SDK is a
// bedplate.Resource: a second Ensure changes nothing, asks no network and
// starts no process.
//
// Where an SDK comes from is a Source: the module proxy, verified by the
// checksum database (ModuleProxy); the official index or a mirror of it
// (Official); the same files on disk (Directory); one archive with a pinned
// digest (Archive).
package toolchain
