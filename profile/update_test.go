package profile_test

import "flag"

// With -update, tests write the files that they otherwise compare with.
var update = flag.Bool("update", false, "write files of expected results anew")
