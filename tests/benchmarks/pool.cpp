/// Pool(2): the round trip of `apply` and `map` of 100,000 ints with chunk size 1, against Python's Pool in
/// the same run.
///
///     build/tests/benchmarks/bench_pool
#include <cohort/multiprocessing.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace mp = cohort::multiprocessing;

namespace {

int square(int x) { return x * x; }

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

struct Times {
  double apply, map, map_default;  // seconds for one round trip, and for the maps
};

constexpr int applies = 2000;

Times measure() {
  mp::Pool pool(2);
  std::vector<int> numbers(100'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  pool.map(square, std::vector<int>(100));
  std::vector<double> trips;
  for (int i = 0; i < applies; ++i) {
    auto const begin = now();
    pool.apply(square, i);
    trips.push_back(now() - begin);
  }
  auto const begin = now();
  pool.map(square, numbers, {.chunksize = 1});
  auto const middle = now();
  pool.map(square, numbers);
  return {median(trips), middle - begin, now() - middle};
}

/// The same in Python; the program prints the three times.
Times measure_python() {
  constexpr char const* program = R"(
import multiprocessing, statistics, time
def square(x): return x * x
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(square, range(100))
    trips = []
    for i in range(2000):
        begin = time.perf_counter()
        pool.apply(square, (i,))
        trips.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    pool.map(square, range(100000), chunksize=1)
    middle = time.perf_counter()
    pool.map(square, range(100000))
    end = time.perf_counter()
    print(statistics.median(trips), middle - begin, end - middle)
)";
  ::setenv("COHORT_BENCH_PROGRAM", program, 1);
  std::FILE* const output = ::popen("exec python3 -c \"$COHORT_BENCH_PROGRAM\"", "r");
  Times times{};
  if (output == nullptr ||
      std::fscanf(output, "%lf %lf %lf", &times.apply, &times.map, &times.map_default) != 3) {
    fmt::print(stderr, "bench_pool: python3 is needed to compare with\n");
    std::exit(1);
  }
  ::pclose(output);
  return times;
}

}  // namespace

int main() {
  mp::freeze_support();
  constexpr int rounds = 3;
  std::array<std::vector<double>, 3> ours, pythons;
  for (int round = 0; round < rounds; ++round) {
    auto const [apply, map, map_default] = measure();
    auto const [apply_python, map_python, map_default_python] = measure_python();
    for (auto const& [list, value] :
         {std::pair(&ours[0], apply), std::pair(&ours[1], map), std::pair(&ours[2], map_default),
          std::pair(&pythons[0], apply_python), std::pair(&pythons[1], map_python),
          std::pair(&pythons[2], map_default_python)})
      list->push_back(value);
  }
  char const* const names[]{"apply round trip", "map 100,000, chunk size 1", "map 100,000, default chunks"};
  fmt::print("Pool(2), {}, medians of {} rounds in turns with python3:\n", mp::get_start_method(), rounds);
  for (int i = 0; i < 3; ++i)
    fmt::print("  {:<28} {:10.1f} us   Python {:10.1f} us   {:6.1f} times as fast\n", names[i],
               median(ours[i]) * 1e6, median(pythons[i]) * 1e6, median(pythons[i]) / median(ours[i]));
}
