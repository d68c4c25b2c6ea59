module multiarch-build.test/farm/front

go 1.22.0
