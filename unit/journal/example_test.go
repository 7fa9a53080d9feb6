package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/bedplate/bedplate/unit/journal"
)

func ExampleNewHandler() {
	// Where there is no journal, records go to the fallback.
	h, err := journal.NewHandler(&journal.HandlerOptions{
		Socket: "/nonexistent",
		Fallback: slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	slog.New(h).WithGroup("http").Info("request", "status", 200) // in the journal: HTTP_STATUS=200
	// Output: {"level":"INFO","msg":"request","http":{"status":200}}
}

// The last errors of a unit since the machine was booted.
func ExampleQuery() {
	q := journal.Query{Unit: "app.service", Priority: journal.AtLeast(journal.Err), Boot: journal.ThisBoot, Lines: 10}
	for e, err := range q.Entries(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Time, e.Message, e.Field("HTTP_STATUS"))
	}
}
