package profile

// The codes of diagnostics.
const (
	CodeSyntax    = "syntax"     // not JSON
	CodeComment   = "comment"    // a comment, which JSON does not have
	CodeTrailing  = "trailing"   // a comma before a closing bracket, or text behind the document
	CodeEncoding  = "encoding"   // not UTF-8, or a byte order mark
	CodeSurrogate = "surrogate"  // half a surrogate pair, read as U+FFFD
	CodeTooLarge  = "too-large"  // over MaxSize, MaxDepth or MaxValues
	CodeType      = "wrong-type" // a value of the wrong JSON type
	CodeNumber    = "number"     // negative, fractional or too large

	CodeUnknownKey   = "unknown-key"
	CodeDuplicateKey = "duplicate-key"
	CodeKeyCase      = "key-case"    // a key in the wrong case, which Go's JSON takes
	CodeIgnoredKey   = "ignored-key" // a key of another engine's dialect

	CodeNoFilter       = "no-filter"          // the empty profile, which means no seccomp at all
	CodeNoAction       = "no-action"          // defaultAction or a rule's action is missing
	CodeUnknownAction  = "unknown-action"     //
	CodeUnknownOp      = "unknown-op"         //
	CodeUnknownArch    = "unknown-arch"       //
	CodeRuntimeArch    = "runtime-arch"       // an architecture that runc does not take
	CodeUnknownFlag    = "unknown-flag"       //
	CodeUnknownSyscall = "unknown-syscall"    //
	CodeUnknownCap     = "unknown-cap"        // a capability that can never match
	CodeUnknownErrno   = "unknown-errno"      //
	CodeArchitectures  = "architectures"      // architectures and archMap both
	CodeNullRule       = "null-rule"          // null instead of a rule or condition
	CodeNameAndNames   = "name-and-names"     //
	CodeNoNames        = "no-names"           // a rule for no system call
	CodeEmptyName      = "empty-name"         //
	CodeErrnoRange     = "errno-range"        // above what the kernel returns
	CodeErrnoUnused    = "errno-unused"       // errnoRet for an action that takes none
	CodeErrnoConflict  = "errno-conflict"     // errno and errnoRet disagree
	CodeIndex          = "index"              // an argument index over 5
	CodeRepeatedIndex  = "repeated-index"     // two conditions on one argument, which runtimes read as OR
	CodeMaskZero       = "mask-zero"          // a masked comparison that is always true
	CodeMaskValue      = "mask-value"         // bits of the datum outside the mask
	CodeUnusedValueTwo = "unused-value-two"   // valueTwo for an operator that ignores it
	CodeKernelVersion  = "kernel-version"     // a bad minKernel
	CodeListener       = "listener"           // NOTIFY without listenerPath, or the reverse
	CodeUnresolvedName = "unresolved-syscall" // a rule left out of the policy
	CodeConflict       = "conflict"           // rules that libseccomp takes for a contradiction
)
