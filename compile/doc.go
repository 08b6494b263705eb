// Package compile turns a policy into a BPF program that is exactly that
// policy. It proves each result before it returns it: the program is lifted
// back (package lift), and its diagram must be the policy's.
//
// The programs load words, mask them, compare them with constants and return,
// and do nothing else: whatever a policy says about a call that it answers
// without looking at arguments, the kernel's constant-action emulation (Linux
// 5.11) understands. The same policy gives the same bytes each time.
//
// On the way from the diagram to the program is a graph of switches over the
// words of a call, which [Passes] change one after the other, until each switch
// is a tree of comparisons: that with the shortest ways for the calls that are
// made, by default all alike, or with the fewest instructions ([Goal], [Weights]).
// [Measure] tells how good a program is, and [OriginsOf] from which rules each of
// its instructions comes.
package compile
