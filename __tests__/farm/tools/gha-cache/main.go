// The first version of GitHub's cache service, as act serves it: gha-cache <directory> <address>. Prints its URL.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nektos/act/pkg/artifactcache"
	"github.com/sirupsen/logrus"
)

func main() {
	handler, err := artifactcache.StartHandler(os.Args[1], "", os.Args[2], 0, logrus.StandardLogger())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handler.ExternalURL() + "/")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
	if err := handler.Close(); err != nil {
		log.Print(err)
	}
}
