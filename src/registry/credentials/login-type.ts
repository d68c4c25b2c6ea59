export interface Login {
  readonly registry: string
  readonly username: string
  readonly password: string
  /** A part of the registry, `acme/app@push`: only for what builds pull and push there. */
  readonly scope?: string
  /** An AWS key, to be exchanged for a password; empty: the job's own. */
  readonly ecr?: boolean
  /** The forge's token, which nobody gave for this registry: a login that the job has there already counts more. */
  readonly byDefault?: boolean
}
