// Package policy reads checks from a file, for those who ship what they want of a
// machine as data. A file and Go code are two spellings of one thing: each kind in
// a file is a function of package checks, by its name with dashes.
//
//	bedplate: policy/1
//	checks:
//	  - unit-active: app.service
//	  - limits-agree:
//	      unit: app.service
//	      limits: {memory-max: 256M, cpu-max: 50%}
//	    needs: [unit/app.service/active]
//	  - http: {url: "http://127.0.0.1:8080/healthz", text: ok}
//	    until: {every: 100ms, patience: 10s}
//
// A file is YAML, or JSON, which is YAML too. It is read strictly: what is not
// known is an error with its line, as are a value that is missing, a key that is
// there twice, and a need that is not in the file.
package policy
