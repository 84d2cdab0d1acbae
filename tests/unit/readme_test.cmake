# The page about workstations shows the Dockerfile that is tested: every line of it, in its order.
file(READ ${SOURCE}/tools/desktop/boot-a-workstation.md readme)
file(READ ${SOURCE}/tools/desktop/Dockerfile dockerfile)
string(FIND "${readme}" "${dockerfile}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "tools/desktop/boot-a-workstation.md and tools/desktop/Dockerfile are not the same")
endif()
