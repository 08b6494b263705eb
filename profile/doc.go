// Package profile reads and writes seccomp profiles: the JSON documents of
// Docker, of containers/common (Podman, CRI-O, Buildah) and of the OCI
// runtime specification.
//
// [Parse] reads a document with the position of every value, and reports all
// its mistakes at once. [Profile.Resolve] is what an engine makes of it in
// given circumstances ([Env]: engine, ABI, capabilities, kernel), and
// [Resolved.Rules] are the rules of a policy that it states. [Default] has
// the profiles that are built into engines. [FromRules] and [Write] go the
// way back, and [Profile.Write] writes a document as it is.
//
// Nothing here looks at the machine that the program runs on.
package profile
