// Test cases that leave something behind, each of which must be found: see test_support.cpp.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "support/catch.hpp"

TEST_CASE("leaves a child") {
  if (::fork() == 0) {
    ::pause();
    ::_exit(0);
  }
  CHECK(true);
}

TEST_CASE("leaves a zombie") {
  if (::fork() == 0) ::_exit(0);
  CHECK(true);
}

TEST_CASE("leaves a thread") {
  std::thread([] { ::pause(); }).detach();
  CHECK(true);
}

TEST_CASE("leaves a descriptor") { CHECK(::open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0); }

TEST_CASE("closes a descriptor of others") { CHECK(::close(0) == 0); }

TEST_CASE("leaves shared memory") {
  CHECK(::shm_open("/cohort-test-left", O_CREAT | O_RDWR | O_CLOEXEC, 0600) >= 0);
}

TEST_CASE("leaves a thread in one section") {
  SECTION("quiet") { CHECK(true); }
  SECTION("leaky") {
    std::thread([] { ::pause(); }).detach();
  }
}

TEST_CASE("leaves nothing") {
  std::thread([] { ::usleep(50'000); }).detach();  // ends by itself, soon
  CHECK(true);
}

TEST_CASE("leaves a grandchild") {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) ::pause();
    ::_exit(0);
  }
  ::usleep(20'000);
  CHECK(::waitpid(-1, nullptr, 0) > 0);
}

TEST_CASE("hangs") {
  if (::fork() == 0) {
    for (;;) ::pause();
  }
  for (;;) ::pause();
}

TEST_CASE("is killed") { ::raise(SIGKILL); }
