package ldapsrc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func setLowWater(socket syscall.RawConn, bytes int) error {
	var err error
	if failed := socket.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
	}); failed != nil {
		return failed
	}
	return err
}
