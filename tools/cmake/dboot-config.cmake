# dboot::plan, dboot::log and dboot::payload, see dboot-payload(7).
include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81) # headers alone
include(${CMAKE_CURRENT_LIST_DIR}/dboot-targets.cmake)
