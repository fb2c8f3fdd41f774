module acmegate.test/step-ca

go 1.25.8

require github.com/smallstep/certificates v0.30.2
