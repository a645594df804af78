//go:build !linux

package functionshost

import "syscall"

// dieWithParent has no counterpart outside Linux: a handler outlives a parent that is killed there.
func dieWithParent() *syscall.SysProcAttr { return nil }
