// Package enforce models what container runtimes install for a profile: the
// filter that runc or crun makes of it through libseccomp.
//
// It is not always what the profile says. libseccomp keeps the conditions of a
// call in a tree with an order of its own; runc answers ENOSYS to numbers beyond
// the highest that the profile names; both take several conditions on one
// argument for alternatives. [New] takes a profile as an engine has resolved it
// and is that filter, to the bit: [Filter.Policy] for all calls at once, and
// [Filter.Decide] for one call, with what decides. Package profile has the other
// reading, that of the text.
//
// The models are held to the runtimes themselves: to filters read back from
// their containers, and to libseccomp.
package enforce
