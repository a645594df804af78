package functionshost

import "syscall"

// dieWithParent makes the kernel kill the handler when this process dies, even by SIGKILL.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
