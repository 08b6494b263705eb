// Package libseccomp says what libseccomp makes of rules: which it refuses,
// and which function from a call to an action the program is that it generates,
// with its peculiarities.
//
// It is a model of the library's behaviour, by version, and not a port. What it
// knows comes from the library's manual pages and from asking the library, as a
// black box, for the errors and the programs that it answers to millions of
// rules; the tests ask again. The peculiarities that people meet:
//
//   - Rules of one call are kept as a tree of tests of argument words. Tests of
//     a higher argument come first, whatever the order of the rules, and of
//     tests of one argument the larger constant (for LT and LE the smaller).
//     The first test whose action is reached decides.
//   - A rule without conditions replaces those before it and hides those after
//     it.
//   - A rule is dropped without a word where the tree has one of its later
//     tests at the top already; that is not always right.
//   - Two rules that compare one 64-bit argument with constants of the same
//     upper half share the test of that half, and one of them loses it.
//   - A rule that contradicts another on the same tests fails with EEXIST.
//   - Numbers that an ABI does not have are kept as negative pseudo numbers. They
//     make no code, but where the first call of a section is one, the
//     instruction that loads the number is missing too: every rule of the
//     section is dead, and the number is compared with the architecture.
//   - Some pairs of rules make the library run for ever ([ErrHangs]).
package libseccomp
