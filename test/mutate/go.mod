module github.com/falcogate/falcogate/test/mutate

go 1.26.0
