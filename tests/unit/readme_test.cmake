# The README shows the Dockerfile that is tested: every line of it, in its order.
file(READ ${SOURCE}/README.md readme)
file(READ ${SOURCE}/tools/desktop/Dockerfile dockerfile)
string(FIND "${readme}" "${dockerfile}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "README.md and tools/desktop/Dockerfile are not the same")
endif()
