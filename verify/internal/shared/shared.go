// Package shared lets the checks of one run read a thing once: a connection, a
// unit's properties, a file. One look at the machine costs less than many, and
// what every check of a run sees is the same.
package shared

import (
	"context"
	"fmt"
	"sync"
)

type scopeKey struct{}

// scope is one run.
type scope struct {
	ctx     context.Context
	mu      sync.Mutex
	entries map[any]*entry
}

type entry struct {
	done  chan struct{}
	value any
	err   error
}

// With begins a scope, which ends with the returned function: then the context
// that was given to what was read is done.
func With(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, scopeKey{}, &scope{ctx: ctx, entries: map[any]*entry{}}), cancel
}

// Get gives what read gives, which is called once in a scope for a key. It is
// called with the scope's context, so that one caller's deadline does not spoil
// it for the others; each waits no longer than its own ctx. Without a scope it
// is read anew each time.
func Get[T any](ctx context.Context, key any, read func(context.Context) (T, error)) (T, error) {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return read(ctx)
	}
	e := s.entry(typedKey[T]{key}, func(e *entry) { e.value, e.err = read(s.ctx) })
	select {
	case <-e.done:
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
	value, _ := e.value.(T) // a nil interface is the zero value
	return value, e.err
}

// typedKey keeps keys for different kinds of value apart.
type typedKey[T any] struct{ key any }

func (s *scope) entry(key any, fill func(*entry)) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[key]; ok {
		return e
	}
	e := &entry{done: make(chan struct{})}
	s.entries[key] = e
	go func() {
		defer close(e.done)
		defer func() {
			if p := recover(); p != nil { // it would end the process, whoever asked
				e.err = fmt.Errorf("panicked: %v", p)
			}
		}()
		fill(e)
	}()
	return e
}
