package toolchain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// receiptDir lies beside the versions.
const receiptDir = ".receipts"

// receipt records what was installed, and on whose word.
type receipt struct {
	Version  Version      `json:"version"`
	Platform string       `json:"platform"`
	Artifact string       `json:"artifact"`
	SHA256   string       `json:"sha256"`
	H1       string       `json:"h1,omitempty"`
	Vouches  []Vouch      `json:"vouched_by"`
	Files    []hashedFile `json:"files"` // sorted by path
}

// encode gives what json.Encoder does with an indent of one space. The files,
// fifteen thousand of them, are written by hand: that is a fiftieth of an
// installation's processor time.
func (r *receipt) encode() ([]byte, error) {
	slices.SortFunc(r.Files, func(a, b hashedFile) int { return strings.Compare(a.Path, b.Path) })
	head := *r
	head.Files = nil
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(head); err != nil || len(r.Files) == 0 {
		return b.Bytes(), err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("null\n}\n"))
	text = append(slices.Grow(text, 160*len(r.Files)), '[')
	for i, f := range r.Files {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, "\n  {\n   \"path\": "...)
		var err error
		if text, err = appendString(text, f.Path); err != nil {
			return nil, err
		}
		text = append(text, ",\n   \"sha256\": "...)
		if text, err = appendString(text, f.SHA256); err != nil {
			return nil, err
		}
		text = strconv.AppendInt(append(text, ",\n   \"size\": "...), f.Size, 10)
		if f.Exec {
			text = append(text, ",\n   \"exec\": true"...)
		}
		text = append(text, "\n  }"...)
	}
	return append(text, "\n ]\n}\n"...), nil
}

// appendString appends a JSON string.
func appendString(b []byte, s string) ([]byte, error) {
	if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		return append(append(append(b, '"'), s...), '"'), nil
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return append(b, bytes.TrimSpace(text.Bytes())...), err
}

// errReceipt is matched by a receipt that can't be used.
var errReceipt = errors.New("the receipt is damaged")

// decodeReceipt refuses a receipt that could lead a check out of the tree.
func decodeReceipt(b []byte) (*receipt, error) {
	var r receipt
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %w", errReceipt, err)
	}
	for i, f := range r.Files {
		if !fs.ValidPath(f.Path) || f.Size < 0 || len(f.SHA256) != 64 || i > 0 && r.Files[i-1].Path >= f.Path {
			return nil, fmt.Errorf("%w: line %d (%q) is not what an installation writes", errReceipt, i+1, f.Path)
		}
	}
	if len(r.Files) == 0 {
		return nil, fmt.Errorf("%w: it lists no files", errReceipt)
	}
	return &r, nil
}

func receiptName(dir, name string) string { return dir + "/" + receiptDir + "/" + name + ".json" }

func (r *receipt) save(root *rootfs.Root, dir, name string) error {
	b, err := r.encode()
	if err != nil {
		return err
	}
	if _, err := root.MkdirAll(dir+"/"+receiptDir, 0o755); err != nil {
		return err
	}
	_, err = root.WriteFile(receiptName(dir, name), b, atomicfile.Options{})
	return err
}

// receipt loads an installation's.
func (i Installation) receipt(root *rootfs.Root) (*receipt, error) {
	r, err := loadReceipt(root, i.dir, i.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("toolchain: %s: %w", i.GOROOT, ErrNoReceipt)
	}
	if err != nil {
		return nil, fmt.Errorf("toolchain: %s: %w; Repair it", i.GOROOT, err)
	}
	return r, nil
}

func loadReceipt(root *rootfs.Root, dir, name string) (*receipt, error) {
	b, err := root.ReadFile(receiptName(dir, name))
	if err != nil {
		return nil, err
	}
	return decodeReceipt(b)
}
