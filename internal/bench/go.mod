module github.com/bedplate/bedplate/internal/bench

go 1.26.0

require github.com/bedplate/bedplate v0.0.0

replace github.com/bedplate/bedplate => ../..
