package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// answers are what a load got.
type answers struct {
	Good   int           `json:"good"`
	Failed int           `json:"failed"`
	Last   string        `json:"last_failure,omitempty"`
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
	Worst  time.Duration `json:"worst_ns"`
}

// slowest is how long an answer may take.
const slowest = 30 * time.Second

// ask has a number of clients ask an address, each as soon as it got its last
// answer, until the context ends. An address that never answers is an error.
func ask(ctx context.Context, url string, clients int) (*answers, error) {
	client := &http.Client{Timeout: slowest, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	if _, err := once(ctx, client, url); err != nil {
		return nil, fmt.Errorf("-url=%s: %w", url, err)
	}
	var mu sync.Mutex
	var took []time.Duration
	all := &answers{}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				t, err := once(ctx, client, url)
				if ctx.Err() != nil {
					return // cut off by us
				}
				mu.Lock()
				if err != nil {
					all.Failed, all.Last = all.Failed+1, err.Error()
				} else {
					took = append(took, t)
				}
				mu.Unlock()
				if err != nil {
					pause(ctx, 100*time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	if all.Good = len(took); all.Good > 0 {
		all.Median, all.P99, all.Worst = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	}
	return all, nil
}

func once(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err == nil && resp.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("it answered %s", resp.Status)
	}
	return time.Since(began), err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
