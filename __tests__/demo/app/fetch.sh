# Stands for a package manager: takes its time, and differs by architecture.
while read -r name version; do
  echo "fetching ${name} ${version} for $(uname -m)"
  sleep 1
  echo "${version}" > "${name}.lock"
done < "$1"
