#include <cohort/callable.hpp>

#include <catch2/catch.hpp>

namespace {
int calls = 0;
void count() { ++calls; }
int twice(int x) { return 2 * x; }
template <class F> F again(F const& callable) {
  std::vector<std::byte> bytes;
  cohort::detail::VectorWriter writer(bytes);
  cohort::detail::save_callable(writer, callable);
  writer.finish();
  cohort::detail::Reader reader(bytes);
  return cohort::detail::load_callable<F>(reader);
}
}  // namespace

TEST_CASE("functions, lambdas and partials travel") {
  CHECK(again(&twice)(4) == 8);
  int const unused = 0;
  (void)unused;
  CHECK(again([=](int x) { return x + 1; })(4) == 5);
  CHECK(again(cohort::partial([](double k, double x) { return k * x; }, 2.5))(2) == 5);
  CHECK(again(cohort::partial([](std::string const& a, std::string const& b) { return a + b; }, "text"))(
            "!") == "text!");
  CHECK(again(cohort::partial(twice))(3) == 6);
}

TEST_CASE("a task calls its function here and after loading") {
  calls = 0;
  cohort::Task const task = &count;
  task();
  auto const loaded = cohort::pickle::loads<cohort::Task>(cohort::pickle::dumps(task));
  loaded();
  CHECK(calls == 2);
  cohort::Task const lambda = cohort::partial([](int by) { calls += by; }, 5);
  cohort::pickle::loads<cohort::Task>(cohort::pickle::dumps(lambda))();
  CHECK(calls == 7);
  CHECK_FALSE(cohort::pickle::loads<cohort::Task>(cohort::pickle::dumps(cohort::Task())));
}
