#include "memory/arena.hpp"

#include <cohort/errors.hpp>

#include "os/memfd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace memory = cohort::memory;
using memory::arena;

namespace {

/// Each arena is made in a child: this process never makes one, so that each child begins without.
template <class Body> int in_child(Body body) {
  pid_t const pid = ::fork();
  if (pid == 0) {
    try {
      ::_exit(body() ? 0 : 1);
    } catch (std::exception const& error) {
      fmt::print(stderr, "in the child: {}\n", error.what());
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

/// Limits this process to so much more address space than it has.
void limit_address_space(std::size_t more) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  auto const size = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more;
  rlimit const limit{size, size};
  ::setrlimit(RLIMIT_AS, &limit);
}

constexpr std::size_t gibibyte = std::size_t{1} << 30;

}  // namespace

TEST_CASE("the arena is large, and costs nothing") {
  REQUIRE(in_child([] {
            auto const size = arena().size();
            std::ifstream status("/proc/self/statm");
            std::size_t pages = 0, resident = 0, shared = 0;
            status >> pages >> resident >> shared;
            return size == 64 * gibibyte && arena().budget() > 0 && arena().budget() <= size * 16 &&
                   arena().is_root();
          }) == 0);
}

TEST_CASE("offsets are the same place in a forked child, and wild ones are refused") {
  REQUIRE(in_child([] {
            memory::Offset const offset = 100 << 20;
            arena().at<int>(offset) = 42;
            if (arena().offset_of(&arena().at<int>(offset)) != offset) return false;
            if (!arena().contains(&arena().at<int>(offset)) || arena().contains(&offset)) return false;
            if (in_child([&] { return arena().at<int>(offset)++ == 42; }) != 0) return false;
            for (memory::Offset const wild :
                 {arena().size(), arena().size() - 2, ~memory::Offset{0}, offset + 1}) {
              try {
                arena().at<int>(wild);
                return false;
              } catch (cohort::RuntimeError const&) {}
            }
            return arena().at<int>(offset) == 43;
          }) == 0);
}

TEST_CASE("under a limit of address space the arena is smaller") {
  REQUIRE(in_child([] {
            limit_address_space(3 * gibibyte);
            auto const size = arena().size();
            return size >= gibibyte / 2 && size <= 2 * gibibyte;
          }) == 0);
  REQUIRE(in_child([] {
            limit_address_space(48 << 20);
            try {
              arena();
            } catch (std::system_error const& error) {
              return error.code() == std::errc::not_enough_memory &&
                     std::string(error.what()).find("ulimit -v") != std::string::npos;
            }
            return false;
          }) == 0);
}

TEST_CASE("a limit of file size makes the arena smaller and kills nobody") {
  REQUIRE(in_child([] {
            rlimit const limit{gibibyte, gibibyte};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            return arena().size() == gibibyte;
          }) == 0);
}

TEST_CASE("nobody can change the arena's size") {
  REQUIRE(in_child([] {
            int const file = arena().descriptor();
            bool const closes = (::fcntl(file, F_GETFD) & FD_CLOEXEC) != 0;
            return closes && ::ftruncate(file, 4096) == -1 && errno == EPERM &&
                   ::ftruncate(file, static_cast<off_t>(arena().size() * 2)) == -1 && errno == EPERM;
          }) == 0);
}

TEST_CASE("the arena is not in core dumps") {
  REQUIRE(in_child([] {
            auto const begin = fmt::format("{:x}-", reinterpret_cast<std::uintptr_t>(arena().base()));
            std::ifstream maps("/proc/self/smaps");
            bool ours = false;
            for (std::string line; std::getline(maps, line);) {
              if (line.rfind(begin, 0) == 0) ours = true;
              if (ours && line.rfind("VmFlags:", 0) == 0) return line.find(" dd") != std::string::npos;
            }
            return false;
          }) == 0);
}

TEST_CASE("threads that come at once get one arena") {
  REQUIRE(in_child([] {
            std::vector<std::thread> threads;
            std::vector<memory::Arena*> seen(8);
            for (auto& mine : seen) threads.emplace_back([&mine] { mine = &arena(); });
            for (auto& thread : threads) thread.join();
            return std::set(seen.begin(), seen.end()).size() == 1;
          }) == 0);
}

TEST_CASE("the budget is set by the environment") {
  REQUIRE(in_child([] {
            ::setenv("COHORT_MEMORY_LIMIT", "123456789", 1);
            return arena().budget() == 123456789;
          }) == 0);
  REQUIRE(in_child([] {
            ::setenv("COHORT_MEMORY_LIMIT", "1 GiB", 1);
            try {
              arena();
            } catch (cohort::ValueError const& error) {
              return std::string(error.what()).find("not \"1 GiB\"") != std::string::npos;
            }
            return false;
          }) == 0);
}

TEST_CASE("in a process that was exec'd", "[.adopted]") {
  memory::Arena::adopt(cohort::os::Descriptor(std::atoi(std::getenv("COHORT_TEST_ARENA"))));
  REQUIRE_THROWS_AS(memory::Arena::adopt(cohort::os::Descriptor(-1)), cohort::RuntimeError);
  REQUIRE_FALSE(arena().is_root());
  auto& value = arena().at<int>(100 << 20);
  REQUIRE(value == 42);
  value = 43;
  REQUIRE_THROWS_AS(memory::Arena::adopt(cohort::os::Descriptor(-1)), cohort::RuntimeError);
}

TEST_CASE("a process that is exec'd adopts its parent's arena") {
  REQUIRE(in_child([] {
            auto& value = arena().at<int>(100 << 20);
            value = 42;
            int const child = in_child([] {
              int const file = ::fcntl(arena().descriptor(), F_DUPFD, 3);
              ::setenv("COHORT_TEST_ARENA", std::to_string(file).c_str(), 1);
              ::execl("/proc/self/exe", "test_arena", "[.adopted]", nullptr);
              return false;
            });
            return child == 0 && value == 43;
          }) == 0);
}

TEST_CASE("only an arena of this version is adopted") {
  auto const is_refused = [](cohort::os::Descriptor file) {
    return in_child([&] {
             memory::Arena::adopt(std::move(file));
             for (int i = 0; i < 2; ++i) {
               try {
                 arena();
                 return false;
               } catch (cohort::RuntimeError const& error) {
                 fmt::print("{}\n", error.what());
               }
             }
             return true;
           }) == 0;
  };
  REQUIRE(is_refused(cohort::os::memory_file("zeros", gibibyte)));
  REQUIRE(is_refused(cohort::os::memory_file("small", 4096)));
  REQUIRE(is_refused(cohort::os::Descriptor(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC))));
}
