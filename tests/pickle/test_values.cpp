#include <cohort/pickle.hpp>

#include <catch2/catch.hpp>

#include <complex>
#include <limits>

namespace pickle = cohort::pickle;

namespace {

template <class T> T again(T const& value) { return pickle::loads<T>(pickle::dumps(value)); }
template <class T> void check_again(T const& value) {
  bool const same = again(value) == value;
  CHECK(same);
}

enum class Colour : std::uint8_t { red, green };
enum Plain { first, second = 300 };
}  // namespace

TEST_CASE("numbers, enumerations and times travel") {
  check_again(42);
  check_again(true);
  check_again('a');
  check_again(std::byte{7});
  check_again(std::numeric_limits<std::uint64_t>::max());
  check_again(2.5L);
  check_again(-0.5f);
  check_again(Colour::green);
  check_again(second);
  check_again(std::complex<double>(1, 2));
  check_again(std::chrono::milliseconds(5));
  check_again(std::chrono::duration<double>(0.5));
  check_again(std::chrono::system_clock::now());
  check_again(
      std::chrono::year_month_day(std::chrono::year(2024), std::chrono::month(2), std::chrono::day(29)));
  check_again(cohort::None);
  check_again(std::monostate());
}

TEST_CASE("strings and paths travel") {
  check_again(std::string());
  check_again(std::string("with\0zero", 9));
  check_again(std::u32string(U"text"));
  check_again(std::wstring(100'000, L'x'));
  check_again(std::filesystem::path("/a/b.c"));
  CHECK(pickle::loads<std::string>(pickle::dumps("literal")) == "literal");
}

TEST_CASE("sums and products travel") {
  check_again(std::pair<int, std::string>(1, "a"));
  check_again(std::tuple<int, std::string, std::tuple<>>(1, "a", {}));
  check_again(std::tuple<std::tuple<int>>(std::tuple<int>(1)));
  check_again(std::optional<std::optional<int>>(std::optional<int>()));
  check_again(std::variant<int, std::string, int>(std::in_place_index<2>, 5));
  check_again(std::variant<std::monostate, std::vector<std::string>>(std::vector<std::string>{"a"}));
}

TEST_CASE("None is formatted as in Python") { CHECK(fmt::format("{}", cohort::None) == "None"); }
