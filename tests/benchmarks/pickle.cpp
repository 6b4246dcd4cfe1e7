#include <cohort/pickle.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#if __has_include(<cereal/archives/binary.hpp>)
#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#define COHORT_HAS_CEREAL 1
#endif

/// Time to pickle and unpickle, against copying the bytes and against cereal in the same run: medians of
/// rounds.
namespace {

namespace pickle = cohort::pickle;

struct Small {
  int a;
  double b;
  int c;
};
struct Record {
  int id;
  std::string name;
  Small small;
  std::vector<double> weights;
};
template <class Archive> void serialize(Archive& ar, Small& s) { ar(s.a, s.b, s.c); }
template <class Archive> void serialize(Archive& ar, Record& r) { ar(r.id, r.name, r.small, r.weights); }

/// The same types without `serialize`, so that cohort reflects them.
struct PlainSmall {
  int a;
  double b;
  int c;
};
struct PlainRecord {
  int id;
  std::string name;
  PlainSmall small;
  std::vector<double> weights;
};

template <class T> void keep(T const& value) { asm volatile("" ::"r"(&value) : "memory"); }

/// Nanoseconds of one call.
template <class Call> double measure(int repetitions, Call call) {
  std::vector<double> rounds;
  for (int round = 0; round < 15; ++round) {
    auto const start = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) call();
    std::chrono::duration<double, std::nano> const time = std::chrono::steady_clock::now() - start;
    rounds.push_back(time.count() / repetitions);
  }
  std::nth_element(rounds.begin(), rounds.begin() + 7, rounds.end());
  return rounds[7];
}

struct Times {
  double dump, load;
};
template <class T> Times with_cohort(T const& value, int repetitions) {
  std::vector<std::byte> bytes;
  auto const dump = measure(repetitions, [&] {
    keep(value);
    pickle::dump(value, bytes);
    keep(*bytes.data());
  });
  auto const load = measure(repetitions, [&] {
    keep(*bytes.data());
    keep(pickle::loads<T>(bytes));
  });
  return {dump, load};
}
#ifdef COHORT_HAS_CEREAL
template <class T> Times with_cereal(T const& value, int repetitions) {
  std::string bytes;
  auto const dump = measure(repetitions, [&] {
    std::ostringstream stream(std::move(bytes));
    cereal::BinaryOutputArchive archive(stream);
    archive(value);
    bytes = std::move(stream).str();
  });
  auto const load = measure(repetitions, [&] {
    std::istringstream stream(std::move(bytes));
    cereal::BinaryInputArchive archive(stream);
    T result;
    archive(result);
    keep(result);
    bytes = std::move(stream).str();
  });
  return {dump, load};
}
#endif
/// Copying memory of that size: into a buffer that is there, and into a vector that is made for it.
Times with_memcpy(std::size_t size, int repetitions) {
  std::vector<std::byte> const source(size);
  std::vector<std::byte> buffer(size);
  auto const copy = measure(repetitions, [&] {
    keep(*source.data());
    std::memcpy(buffer.data(), source.data(), size);
    keep(*buffer.data());
  });
  auto const fresh = measure(repetitions, [&] {
    keep(*source.data());
    keep(std::vector<std::byte>(source.begin(), source.end()));
  });
  return {copy, fresh};
}

void print(char const* what, Times cohort, Times copy, [[maybe_unused]] Times cereal) {
  fmt::print("{:<22} dump {:9.1f} ns  load {:9.1f} ns   of memcpy {:5.2f} {:5.2f}", what, cohort.dump,
             cohort.load, cohort.dump / copy.dump, cohort.load / copy.load);
#ifdef COHORT_HAS_CEREAL
  fmt::print("   cereal {:9.1f} {:9.1f} ns: {:5.1f} and {:5.1f} times", cereal.dump, cereal.load,
             cereal.dump / cohort.dump, cereal.load / cohort.load);
#endif
  fmt::print("\n");
}
#ifndef COHORT_HAS_CEREAL
template <class T> Times with_cereal(T const&, int) { return {}; }
#endif

}  // namespace

int main() {
  std::vector<double> const large(1 << 17, 1.5);
  auto const large_copy = with_memcpy(1 << 20, 200);
  print("vector<double> 1 MiB", with_cohort(large, 200), large_copy, with_cereal(large, 200));
  print("{int, double, int}", with_cohort(PlainSmall{1, 2, 3}, 200'000), with_memcpy(16, 200'000),
        with_cereal(Small{1, 2, 3}, 20'000));
  print("  by serialize", with_cohort(Small{1, 2, 3}, 200'000), with_memcpy(16, 200'000),
        with_cereal(Small{1, 2, 3}, 20'000));
  print("{int, string, vector}",
        with_cohort(PlainRecord{1, "a name of some length", {1, 2, 3}, {1, 2, 3, 4}}, 50'000),
        with_memcpy(100, 200'000),
        with_cereal(Record{1, "a name of some length", {1, 2, 3}, {1, 2, 3, 4}}, 20'000));
}
