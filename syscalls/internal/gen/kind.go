package main

import (
	"fmt"
	"strings"
)

// kinds maps the C types of the kernel's prototypes to the Kind constants of
// package syscalls, by what the kernel reads of the register. Pointers are not
// listed. Sources: include/linux/types.h and include/uapi/asm-generic.
var kinds = map[string]string{
	"int": "Int32", "__s32": "Int32", "pid_t": "Int32", "clockid_t": "Int32",
	"timer_t": "Int32", "mqd_t": "Int32", "key_t": "Int32", "rwf_t": "Int32",
	"key_serial_t": "Int32",

	"unsigned int": "UInt32", "unsigned": "UInt32", "u32": "UInt32",
	"__u32": "UInt32", "uid_t": "UInt32", "gid_t": "UInt32", "qid_t": "UInt32",
	"enum landlock_rule_type": "UInt32",

	"umode_t": "UInt16", "old_uid_t": "UInt16", "old_gid_t": "UInt16",

	"long": "Long", "off_t": "Long",
	"unsigned long": "ULong", "old_sigset_t": "ULong", "aio_context_t": "ULong",
	"size_t": "Size",

	"loff_t": "Wide", "u64": "Wide", "__u64": "Wide",

	"cap_user_header_t": "Pointer", "cap_user_data_t": "Pointer",
	"__sighandler_t": "Pointer",
}

func kindOf(ctype string) (string, error) {
	t := strings.TrimSuffix(strings.TrimPrefix(ctype, "const "), "const")
	if strings.HasSuffix(t, "*") {
		return "Pointer", nil
	}
	if k, ok := kinds[t]; ok {
		return k, nil
	}
	return "", fmt.Errorf("unknown C type %q: say in kind.go how much of the register it takes", ctype)
}
