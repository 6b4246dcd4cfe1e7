#include <cohort/pickle.hpp>

#include <catch2/catch.hpp>

#include <complex>
#include <forward_list>

namespace pickle = cohort::pickle;
using cohort::Picklable;

namespace {
template <class T> T again(T const& value) { return pickle::loads<T>(pickle::dumps(value)); }

struct Point {
  int x, y;
  bool operator==(Point const&) const = default;
};
enum class Colour : std::uint8_t { red, green };
struct Record {
  int id;
  std::string name;
  Point where;
  std::vector<double> weights;
  Colour colour;
  bool operator==(Record const&) const = default;
};
struct Node {
  int value = 0;
  std::vector<Node> children;
  bool operator==(Node const&) const = default;
};
}  // namespace

TEST_CASE("an aggregate travels without a macro") {
  Record const record{7, "name", {1, 2}, {1.5, 2.5}, Colour::green};
  CHECK(again(record) == record);
  Node const tree{1, {{2, {}}, {3, {{4, {}}}}}};
  CHECK(again(tree) == tree);
}

TEST_CASE("scalars and standard types travel") {
  CHECK(again(42) == 42);
  CHECK(again(true) == true);
  CHECK(again(2.5L) == 2.5L);
  CHECK(again(Colour::green) == Colour::green);
  CHECK(again(std::string("text")) == "text");
  CHECK(pickle::loads<std::string>(pickle::dumps("text")) == "text");
  std::map<std::string, std::vector<std::optional<int>>> const map{{"a", {1, std::nullopt}}, {"b", {}}};
  CHECK(again(map) == map);
  std::unordered_multimap<int, std::string> const multimap{{1, "a"}, {1, "b"}};
  CHECK(again(multimap) == multimap);
  std::variant<int, std::string, std::monostate> const variant = "text";
  CHECK(again(variant) == variant);
  CHECK(again(std::tuple<int, std::string, std::tuple<>>{1, "a", {}}) ==
        std::tuple<int, std::string, std::tuple<>>{1, "a", {}});
  CHECK(again(std::forward_list<std::string>{"a", "b"}) == std::forward_list<std::string>{"a", "b"});
  CHECK(again(std::vector<bool>{true, false, true}) == std::vector<bool>{true, false, true});
}

static_assert(!Picklable<int*>);
static_assert(Picklable<Node>);
