// Package container knows the programs that start containers: their command
// lines, the profiles that they hand to the kernel, and the containers that
// they run.
//
//   - [ParseCommand] reads a docker, podman, nerdctl, runc or crun command line
//     as it was typed, and [Command.WithProfile] is the same one under another
//     seccomp profile. For runc and crun, whose profile is in the bundle,
//     [Command.CopyBundle] makes a bundle that has the other profile and leaves
//     the first one as it is.
//   - A mark is a random number that a profile can carry ([AllowAll],
//     [Marked]). It is in the filter that the runtime installs, and in no other
//     filter of the machine, so that whoever sees the installation knows whose
//     it is.
//   - [Find] is the running container of a name or id.
//
// The package asks the engines through their own commands. It starts nothing
// else and keeps nothing.
package container
