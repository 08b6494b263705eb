package container

import "strings"

// createFlags are the flags of run and create of docker, podman and nerdctl
// in one: no name or letter takes a value with one of them and none with
// another.
//
// Sources: docker/cli, cli/command/container/opts.go, run.go and create.go
// (28.2, with the hidden flags); containers/podman, cmd/podman/common/create.go
// and netflags.go, containers/run.go, utils/alias.go (3.0 to 5.6);
// containerd/nerdctl, cmd/nerdctl/container/container_run.go (2.1).
var createFlags = flagTable{
	switches: strings.Fields(`
		detach,d disable-content-trust help init interactive,i no-healthcheck
		oom-kill-disable privileged publish-all,P quiet,q read-only rm sig-proxy
		tty,t use-api-socket

		env-host http-proxy no-hostname no-hosts passwd read-only-tmpfs replace
		rmi rootfs tls-verify unsetenv-all`),
	values: strings.Fields(`
		add-host annotation attach,a blkio-weight blkio-weight-device cap-add
		cap-drop cgroup-parent cgroupns cidfile cpu-count cpu-percent cpu-period
		cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares,c cpus cpuset-cpus
		cpuset-mems detach-keys device device-cgroup-rule device-read-bps
		device-read-iops device-write-bps device-write-iops dns dns-opt
		dns-option dns-search domainname entrypoint env,e env-file expose gpus
		group-add health-cmd health-interval health-retries
		health-start-interval health-start-period health-timeout hostname,h
		io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label,l
		label-file link link-local-ip log-driver log-opt mac-address memory,m
		memory-reservation memory-swap memory-swappiness mount name net
		net-alias network network-alias oom-score-adj pid pids-limit platform
		publish,p pull restart runtime security-opt shm-size stop-signal
		stop-timeout storage-opt sysctl tmpfs ulimit user,u userns uts volume,v
		volume-driver volumes-from workdir,w

		arch authfile cert-dir cgroup-conf cgroups chrootdirs conmon-pidfile
		creds decryption-key env-merge gidmap group-entry
		health-log-destination health-max-log-count health-max-log-size
		health-on-failure health-startup-cmd health-startup-interval
		health-startup-retries health-startup-success health-startup-timeout
		healthcheck-command healthcheck-interval healthcheck-retries
		healthcheck-start-period healthcheck-timeout hosts-file hostuser
		image-volume init-ctr init-path os override-arch override-os
		override-variant passwd-entry personality pidfile pod pod-id-file
		preserve-fd preserve-fds rdt-class requires retry retry-delay sdnotify
		seccomp-policy secret shm-size-systemd signature-policy subgidname
		subuidname systemd timeout tz uidmap umask unsetenv variant

		cosign-certificate-identity cosign-certificate-identity-regexp
		cosign-certificate-oidc-issuer cosign-certificate-oidc-issuer-regexp
		cosign-key init-binary ipfs-address verify`),
}

// globalFlags are the flags before the verb. docker takes them only there;
// those in behind of podman and nerdctl are taken behind the verb, too.
var globalFlags = map[Engine]struct{ before, behind flagTable }{
	// docker/cli, cli/flags/options.go.
	Docker: {before: flagTable{
		switches: strings.Fields("debug,D help tls tlsverify version,v"),
		values:   strings.Fields("config context,c host,H log-level,l tlscacert tlscert tlskey"),
	}},
	// containers/podman, cmd/podman/root.go.
	Podman: {
		before: flagTable{
			switches: strings.Fields("remote,r version,v"),
			values:   strings.Fields("config connection,c context host,H identity ssh url"),
		},
		behind: flagTable{
			switches: strings.Fields("help noout syslog trace transient-store"),
			values: strings.Fields(`
				cdi-spec-dir cgroup-manager cni-config-dir conmon cpu-profile
				db-backend default-mounts-file events-backend hooks-dir
				imagestore log-level max-workers memory-profile module namespace
				network-cmd-path network-config-dir out pull-option
				registries-conf root runroot runtime runtime-flag storage-driver
				storage-opt tmpdir volumepath`),
		},
	},
	// containerd/nerdctl, cmd/nerdctl/main.go.
	Nerdctl: {
		before: flagTable{
			switches: strings.Fields("help,h version,v"),
			values:   strings.Fields("a,H n"),
		},
		behind: flagTable{
			switches: strings.Fields("debug debug-full experimental insecure-registry kube-hide-dupe"),
			values: strings.Fields(`
				address bridge-ip cdi-spec-dirs cgroup-manager cni-netconfpath
				cni-path data-root host host-gateway-ip hosts-dir namespace
				snapshotter storage-driver userns-remap`),
		},
	},
	// opencontainers/runc, main.go (1.1 to 1.3).
	Runc: {before: flagTable{
		switches: strings.Fields("debug help,h systemd-cgroup version,v"),
		values:   strings.Fields("criu log log-format root rootless"),
	}},
	// containers/crun, src/crun.c.
	Crun: {before: flagTable{
		switches: strings.Fields("debug help,? systemd-cgroup usage version,v,V"),
		values:   strings.Fields("cgroup-manager log log-format log-level root rootless"),
	}},
}

// indirect are the verbs that start containers of which the command line says
// nothing: neither the image nor the profile.
var indirect = map[Engine][]string{
	Docker:  {"start", "restart", "compose", "stack", "service"},
	Podman:  {"start", "restart", "play", "kube", "pod", "compose"},
	Nerdctl: {"start", "restart", "compose"},
	Runc:    {"start", "restore"},
	Crun:    {"start", "restore"},
}

// bundleFlags are those of run and create of runc (run.go, create.go) and
// crun (src/run.c, src/create.c) in one.
var bundleFlags = flagTable{
	switches: strings.Fields("detach,d help,h,? keep no-new-keyring no-pivot no-subreaper usage"),
	values:   strings.Fields("bundle,b config,f console-socket pid-file preserve-fds"),
}

// prefix is a program that runs another one, whose command line follows its
// own flags.
type prefix struct {
	flags    flagTable
	operands int  // arguments of its own behind the flags
	assigns  bool // takes NAME=VALUE behind the flags
}

// prefixes are the programs that people put in front of an engine. Sources:
// their manual pages (sudo 1.9, doas 6.8, coreutils 9, util-linux 2.40, GNU
// time 1.9).
var prefixes = map[string]prefix{
	"sudo": {flags: flagTable{
		switches: strings.Fields("askpass,A background,b bell,B preserve-env,E set-home,H login,i reset-timestamp,k non-interactive,n no-update,N preserve-groups,P stdin,S shell,s"),
		values:   strings.Fields("close-from,C chdir,D group,g host,h prompt,p chroot,R role,r type,t command-timeout,T other-user,U user,u"),
	}, assigns: true},
	"doas": {flags: flagTable{
		switches: strings.Fields("n L s"),
		values:   strings.Fields("a C u"),
	}},
	"env": {flags: flagTable{
		switches: strings.Fields("ignore-environment,i debug,v block-signal default-signal ignore-signal list-signal-handling"),
		values:   strings.Fields("unset,u chdir,C argv0,a"),
	}, assigns: true},
	"ionice": {flags: flagTable{
		switches: strings.Fields("ignore,t"),
		values:   strings.Fields("class,c classdata,n"),
	}},
	"nice":   {flags: flagTable{values: strings.Fields("adjustment,n")}},
	"nohup":  {},
	"stdbuf": {flags: flagTable{values: strings.Fields("input,i output,o error,e")}},
	"setsid": {flags: flagTable{switches: strings.Fields("ctty,c fork,f wait,w")}},
	"time": {flags: flagTable{
		switches: strings.Fields("append,a portability,p quiet,q verbose,v"),
		values:   strings.Fields("format,f output,o"),
	}},
	"timeout": {flags: flagTable{
		switches: strings.Fields("foreground,f preserve-status,p verbose,v"),
		values:   strings.Fields("kill-after,k signal,s"),
	}, operands: 1},
}
