#if __has_include(<cereal/cereal.hpp>)
#include <cohort/cereal.hpp>

#include <catch2/catch.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

namespace {

namespace pickle = cohort::pickle;

/// An aggregate without any function, inside a class of cereal's.
struct Point {
  int x, y;
  bool operator==(Point const&) const = default;
};

struct Split {
  std::vector<std::string> names;
  std::map<int, double> values;
  Point at{};
  bool operator==(Split const&) const = default;
};
template <class Archive> void save(Archive& ar, Split const& split) {
  ar(split.names, split.values, split.at);
}
template <class Archive> void load(Archive& ar, Split& split) { ar(split.names, split.values, split.at); }

class Private {
 public:
  Private() = default;
  explicit Private(int value) : value_(value) {}
  bool operator==(Private const&) const = default;

 private:
  friend cereal::access;
  template <class Archive> void serialize(Archive& ar, std::uint32_t const version) {
    ar(CEREAL_NVP(value_));
    if (version != 3) throw cohort::RuntimeError("another version");
  }
  int value_ = 0;
};

struct Celsius {
  double degrees = 0;
  bool operator==(Celsius const&) const = default;
};
template <class Archive> double save_minimal(Archive const&, Celsius const& value) { return value.degrees; }
template <class Archive> void load_minimal(Archive const&, Celsius& value, double const& degrees) {
  value.degrees = degrees;
}

struct Base {
  int a = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(a)); }
};
struct Derived : Base {
  std::string b;
  template <class Archive> void serialize(Archive& ar) {
    ar(cereal::base_class<Base>(this), cereal::make_nvp("the b", b));
  }
};

template <class T> T again(T const& value) { return pickle::loads<T>(pickle::dumps(value)); }

}  // namespace

CEREAL_CLASS_VERSION(Private, 3)

TEST_CASE("classes that cereal knows travel") {
  Split const split{{"a", "b"}, {{1, 1.5}}, {3, 4}};
  CHECK(again(split) == split);
  CHECK(again(std::vector<Split>{split, split}) == std::vector<Split>{split, split});
  CHECK(again(Private(5)) == Private(5));
  CHECK(again(Celsius{36.6}) == Celsius{36.6});
}

TEST_CASE("cereal's wrappers are understood in a serialize member") {
  Derived derived;
  derived.a = 1;
  derived.b = "text";
  auto const copy = again(derived);
  CHECK(copy.a == 1);
  CHECK(copy.b == "text");
}

TEST_CASE("every prefix of a value of cereal's is refused") {
  auto const bytes = pickle::dumps(Split{{"a", "b"}, {{1, 1.5}}, {3, 4}});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(pickle::loads<Split>(std::span(bytes).first(size)), cohort::UnpicklingError);
}
#endif
