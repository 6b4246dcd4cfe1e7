#include <cohort/pickle.hpp>

#include <catch2/catch.hpp>

#include <forward_list>

namespace pickle = cohort::pickle;

namespace {

template <class T> T again(T const& value) { return pickle::loads<T>(pickle::dumps(value)); }
template <class T> void check_again(T const& value) {
  bool const same = again(value) == value;
  CHECK(same);
}

struct Point {
  int x, y;
  auto operator<=>(Point const&) const = default;
};
struct Constant {
  int const id;
  std::string const name;
  bool operator==(Constant const&) const = default;
};
struct Less {
  bool operator()(int a, int b) const { return a > b; }
};
}  // namespace

TEST_CASE("containers travel") {
  check_again(std::vector<int>{});
  check_again(std::vector<double>(100'000, 1.5));
  check_again(std::vector<Point>{{1, 2}, {3, 4}});
  check_again(std::vector<bool>{true, false, true});
  check_again(std::vector<std::vector<std::string>>{{"a"}, {}, {"b", "c"}});
  check_again(std::deque<std::string>{"a", "b"});
  check_again(std::list<std::optional<int>>{1, std::nullopt});
  check_again(std::forward_list<std::string>{"a", "b", "c"});
  check_again(std::array<std::string, 2>{"a", "b"});
  check_again(std::array<int, 0>{});
  check_again(std::array<Constant, 2>{Constant{1, "a"}, Constant{2, "b"}});
  check_again(std::set<Point>{{1, 2}, {3, 4}});
  check_again(std::multiset<int>{1, 1, 2});
  check_again(std::set<int, Less>{1, 2, 3});
  check_again(std::map<std::string, std::vector<std::optional<int>>>{{"a", {1, std::nullopt}}, {"b", {}}});
  check_again(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
  check_again(std::unordered_set<std::string>{"a", "b"});
  check_again(std::unordered_multiset<int>{1, 1});
  check_again(std::unordered_map<int, std::string>{{1, "a"}, {2, "b"}});
  check_again(std::unordered_multimap<int, std::string>{{1, "a"}, {1, "b"}});
}
