/**
 * Marks what only this run may refer to. It changes the digest of whatever bears it, so that no other image can share
 * that digest by accident and deleting it harms nobody: the per-platform indexes of every run, which nothing needs
 * once they are joined, and all of an ephemeral image.
 */
export const nonceAnnotation = 'io.github.multiarch-build.run'
