// Package journal writes a program's log to systemd's journal, field by field,
// and reads the journal back.
//
//	h, err := journal.NewHandler(nil)
//	log := slog.New(h)
//	for e, err := range (journal.Query{Unit: "app.service", Priority: journal.AtLeast(journal.Err)}).Entries(ctx) {
//
// Attributes become fields that journalctl and Query can match
// (HTTP_STATUS=500): no JSON text in MESSAGE that has to be taken apart again. A record costs
// one system call, and never waits for the journal longer than asked.
//
// The protocol is that of systemd.journal-fields(7) and
// https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
package journal
