/// fmt itself, for a static program: its package may have the shared library only. This is what fmt's
/// format.cc is.
#include <fmt/format-inl.h>

template void fmt::detail::buffer<char>::append(char const*, char const*);
template auto fmt::detail::dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template auto fmt::detail::thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto fmt::detail::decimal_point_impl(locale_ref) -> char;
