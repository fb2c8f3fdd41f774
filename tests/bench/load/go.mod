module acmegate.test/load

go 1.19
