package policy

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/verify"
	"go.yaml.in/yaml/v3"
)

// Kinds are the kinds of checks that a policy can have, sorted: the functions of
// package checks, as in "unit-active".
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

type kind func(l *loader, params *yaml.Node, name string) verify.Check

// reading is a kind that reads a struct, whose fields have policy tags.
func reading(params reflect.Type, make func(root string, p reflect.Value) (verify.Check, error)) kind {
	return func(l *loader, node *yaml.Node, name string) verify.Check {
		p := reflect.New(params).Elem()
		before := len(l.errs)
		l.fields(node, p, name)
		if len(l.errs) > before {
			return verify.Check{}
		}
		c, err := make(l.root, p)
		if err != nil {
			l.say(node.Line, "%s: %v", name, err)
		}
		return c
	}
}

// of is a kind with the parameters P.
func of[P any](make func(root string, p P) (verify.Check, error)) kind {
	return reading(reflect.TypeFor[P](), func(root string, p reflect.Value) (verify.Check, error) { return make(root, p.Interface().(P)) })
}

// call is a kind that calls a function of package checks with the values of keys,
// in the order of its parameters. A key that ends in ? may be left out; what
// begins with / is a path of the machine that the policy's root is put before;
// "root" is no key, but that root.
func call(function any, keys string) kind {
	f, words := reflect.ValueOf(function), strings.Fields(keys)
	var fields []reflect.StructField
	for i, key := range words {
		if key == "root" {
			continue
		}
		key, optional := strings.CutSuffix(strings.TrimPrefix(key, "/"), "?")
		if !optional {
			key += ",required"
		}
		in := f.Type().In(i)
		if in == reflect.TypeFor[fs.FileMode]() {
			in = reflect.TypeFor[fileMode]()
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("P", i), Type: in, Tag: reflect.StructTag(`policy:"` + key + `"`)})
	}
	do := f.Call
	if f.Type().IsVariadic() {
		do = f.CallSlice
	}
	return reading(reflect.StructOf(fields), func(root string, p reflect.Value) (verify.Check, error) {
		var args []reflect.Value
		for i, key := range words {
			switch {
			case key == "root":
				args = append(args, reflect.ValueOf(root))
			case key[0] == '/':
				args = append(args, reflect.ValueOf(filepath.Join(root, p.FieldByName(fmt.Sprint("P", i)).String())))
			default:
				args = append(args, p.FieldByName(fmt.Sprint("P", i)).Convert(f.Type().In(i)))
			}
		}
		return do(args)[0].Interface().(verify.Check), nil
	})
}

type (
	limits struct {
		MemoryMax   cgroupv2.Memory `policy:"memory-max"`
		MemoryHigh  cgroupv2.Memory `policy:"memory-high"`
		MemoryLow   cgroupv2.Memory `policy:"memory-low"`
		MemoryMin   cgroupv2.Memory `policy:"memory-min"`
		MemorySwap  cgroupv2.Memory `policy:"memory-swap-max"`
		CPUMax      cgroupv2.CPU    `policy:"cpu-max"`
		CPUWeight   cgroupv2.Weight `policy:"cpu-weight"`
		CPUSet      cgroupv2.CPUSet `policy:"cpu-set"`
		MemoryNodes cgroupv2.CPUSet `policy:"memory-nodes"`
		TasksMax    cgroupv2.Count  `policy:"tasks-max"`
		IOWeight    cgroupv2.Weight `policy:"io-weight"`
		IOMax       []struct {
			Device     string        `policy:"device,required"`
			ReadBytes  cgroupv2.Rate `policy:"read-bytes"`
			WriteBytes cgroupv2.Rate `policy:"write-bytes"`
			ReadOps    cgroupv2.Rate `policy:"read-ops"`
			WriteOps   cgroupv2.Rate `policy:"write-ops"`
		} `policy:"io-max"`
	}
	onLimits struct {
		Unit   string `policy:"unit,required"`
		Limits limits `policy:"limits,required"`
	}
)

func (p limits) value() cgroupv2.Limits {
	l := cgroupv2.Limits{
		MemoryMax: p.MemoryMax, MemoryHigh: p.MemoryHigh, MemoryLow: p.MemoryLow, MemoryMin: p.MemoryMin, MemorySwapMax: p.MemorySwap,
		CPUMax: p.CPUMax, CPUWeight: p.CPUWeight, CPUSet: p.CPUSet, MemoryNodes: p.MemoryNodes, TasksMax: p.TasksMax, IOWeight: p.IOWeight,
	}
	for _, io := range p.IOMax {
		l.IOMax = append(l.IOMax, cgroupv2.IOLimit{Device: io.Device, ReadBytes: io.ReadBytes, WriteBytes: io.WriteBytes, ReadOps: io.ReadOps, WriteOps: io.WriteOps})
	}
	return l
}

func ofLimits(make func(unit string, l cgroupv2.Limits) verify.Check) kind {
	return of(func(_ string, p onLimits) (verify.Check, error) {
		l := p.Limits.value()
		return make(p.Unit, l), l.Validate()
	})
}

// fileMode reads "0640", and "directory 0750", "symlink 0777", "socket 0660".
type fileMode fs.FileMode

var fileTypes = map[string]fs.FileMode{"file": 0, "directory": fs.ModeDir, "symlink": fs.ModeSymlink, "socket": fs.ModeSocket, "pipe": fs.ModeNamedPipe}

func (m *fileMode) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	mode := fs.FileMode(0)
	if len(words) == 2 {
		t, ok := fileTypes[words[0]]
		if !ok {
			return fmt.Errorf("%q is no type of file; there are file, directory, symlink, socket, pipe", words[0])
		}
		mode, words = t, words[1:]
	}
	if len(words) != 1 || !strings.HasPrefix(words[0], "0") {
		return fmt.Errorf("%q is no mode; write it in octal with a 0 in front, as in 0640 or directory 0750", b)
	}
	n, err := strconv.ParseUint(words[0], 8, 12)
	if err != nil {
		return fmt.Errorf("%q is no mode; write it in octal with a 0 in front, as in 0640 or directory 0750", b)
	}
	mode |= fs.FileMode(n & 0o777)
	for bit, special := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if n&bit != 0 {
			mode |= special
		}
	}
	*m = fileMode(mode)
	return nil
}

// source is where Go's releases are listed.
func source(s string) (toolchain.Source, error) {
	switch {
	case s == "" || s == "official":
		return toolchain.Official{}, nil
	case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"):
		return toolchain.Official{BaseURL: s}, nil
	case filepath.IsAbs(s):
		return toolchain.Directory{Path: s}, nil
	}
	return nil, fmt.Errorf("source: %q is neither official, nor a URL, nor an absolute path", s)
}

// kinds are all of them, by family.
var kinds = map[string]kind{}

func init() {
	for _, family := range []map[string]kind{goKinds, binaryKinds, systemdKinds, cgroupKinds, kernelKinds, accountKinds, pathKinds, liveKinds} {
		maps.Copy(kinds, family)
	}
}
