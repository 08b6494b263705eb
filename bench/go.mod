module github.com/callgate/callgate/bench

go 1.26.3

require (
	github.com/callgate/callgate v0.0.0
	github.com/elastic/go-seccomp-bpf v1.6.0
	github.com/seccomp/libseccomp-golang v0.11.1
	golang.org/x/net v0.52.0
	golang.org/x/sys v0.49.0
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)

require (
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/callgate/callgate => ../
