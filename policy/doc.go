// Package policy holds what a seccomp filter means: a function from a system
// call to an action.
//
// A [Policy] is made from [Rules], parsed from text, or lifted from a program
// (package lift). Whatever it was made from, it is kept in one canonical form,
// a decision diagram in a [Space]: two policies of one space mean the same
// exactly when their diagrams are the same node. Equality, differences with a
// witness, inclusion and stacking are therefore exact answers and not samples.
package policy
