package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFramesComeBack(t *testing.T) {
	var b bytes.Buffer
	s := NewSender(&b)
	_, err := s.Printer("p").Write([]byte("binary \x00\xff\nline"))
	require.NoError(t, err)
	require.NoError(t, s.Send(Frame{Kind: Exit, Name: "p", Code: 2, Signal: "killed", TimedOut: true}))
	require.NoError(t, s.Send(Frame{Kind: Done}))
	var got []Frame
	for f, err := range Frames(&b) {
		require.NoError(t, err)
		got = append(got, f)
	}
	require.Equal(t, []Frame{
		{Kind: Out, Name: "p", Data: []byte("binary \x00\xff\nline")},
		{Kind: Exit, Name: "p", Code: 2, Signal: "killed", TimedOut: true},
		{Kind: Done},
	}, got)
}

func TestGarbageIsReportedAndPassedOver(t *testing.T) {
	var kinds []Kind
	var errs int
	for f, err := range Frames(strings.NewReader("{\"k\":\"hello\"}\nkernel: oops\n{}\n{\"k\":\"done\"}\n")) {
		if err != nil {
			errs++
			continue
		}
		kinds = append(kinds, f.Kind)
	}
	require.Equal(t, []Kind{Hello, Done}, kinds)
	require.Equal(t, 2, errs)
}

func TestACutLineIsAnError(t *testing.T) {
	var last error
	for _, err := range Frames(io.MultiReader(strings.NewReader(`{"k":"hello"}` + "\n" + `{"k":"do`))) {
		last = err
	}
	require.ErrorContains(t, last, "no frame")
}
