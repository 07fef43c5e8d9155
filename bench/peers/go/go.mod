module wendbench

go 1.19
