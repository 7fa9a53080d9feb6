package journal

import (
	"fmt"
	"os"
	"syscall"
)

// IsJournalStream says whether what is written to f reaches the journal, by the
// $JOURNAL_STREAM that systemd sets for a service (systemd.exec(5)). A program
// then does better to use a Handler. The variable is inherited, so the file is
// compared with what it names.
func IsJournalStream(f *os.File) bool {
	var dev, ino uint64
	if _, err := fmt.Sscanf(os.Getenv("JOURNAL_STREAM"), "%d:%d", &dev, &ino); err != nil {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(st.Dev) == dev && uint64(st.Ino) == ino
}
