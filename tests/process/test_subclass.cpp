#include <cohort/multiprocessing.hpp>

#include "support/catch.hpp"
#include "support/start_methods.hpp"

namespace mp = cohort::multiprocessing;
using Catch::Matchers::Contains;

namespace {

struct WithoutData : mp::ProcessOf<WithoutData> {
  using ProcessOf::ProcessOf;
  void run() override { std::exit(11); }
};

struct WithData : mp::ProcessOf<WithData> {
  int code = 0;
  std::string text;
  template <class Archive> void serialize(Archive& ar) { ar(code, text); }
  void run() override { std::exit(code + static_cast<int>(text.size())); }
};

struct Unserialisable : mp::ProcessOf<Unserialisable> {
  int code = 13;
  void run() override { std::exit(code); }
};

struct Direct : mp::Process {
  void run() override { std::exit(14); }
};

int exitcode(mp::Process& process) {
  process.start();
  process.join();
  return *process.exitcode();
}

}  // namespace

TEST_CASE("a subclass runs its own run, with its data") {
  FOR_EACH_START_METHOD();
  WithoutData plain;
  CHECK_THAT(plain.name(), Contains("WithoutData-"));
  CHECK(exitcode(plain) == 11);
  CHECK_THAT(fmt::format("{}", plain),
             Contains("<WithoutData name='WithoutData-") && Contains("exitcode=11"));
  WithoutData named({.name = "n", .daemon = true});
  CHECK(named.daemon());
  CHECK(exitcode(named) == 11);
  WithData data;
  data.code = 7;
  data.text = "hello";
  CHECK(exitcode(data) == 12);
}

TEST_CASE("a subclass that cannot travel works under fork and is refused elsewhere") {
  FOR_EACH_START_METHOD();
  Unserialisable unserialisable;
  Direct direct;
  if (start_method == "fork") {
    CHECK(exitcode(unserialisable) == 13);
    CHECK(exitcode(direct) == 14);
  } else {
    CHECK_THROWS_AS(unserialisable.start(), cohort::PicklingError);
    CHECK_THROWS_WITH(direct.start(), Contains("Direct") && Contains("mp::ProcessOf"));
  }
}
