# NixOS module of a build node. Import it, then set:
#   services.multiarch-build-node = { enable = true; keys = [ "ssh-ed25519 AAAA… ci" ]; };
# On a runner's host, `runnerUser` also gives the runner access to the engine, for nodes = local.
{ config, lib, ... }:
let
  cfg = config.services.multiarch-build-node;
in
{
  options.services.multiarch-build-node = {
    enable = lib.mkEnableOption "a build node for multi-arch images";
    user = lib.mkOption {
      type = lib.types.str;
      default = "ci";
      description = "User as which the CI logs in.";
    };
    keys = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      description = "Public keys of the CI.";
    };
    runnerUser = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "User of a runner on this machine that builds on the local engine.";
    };
  };

  config = lib.mkIf cfg.enable {
    virtualisation.docker = {
      enable = true;
      daemon.settings.features.containerd-snapshotter = true;
      # Removes unused images and stopped containers. Volumes stay, and with them the caches of persistent builders.
      autoPrune = {
        enable = true;
        dates = "weekly";
        flags = [ "--filter=until=336h" ];
      };
    };
    services.openssh = {
      enable = true;
      settings = {
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
      };
    };
    users.users = {
      ${cfg.user} = {
        isNormalUser = true;
        extraGroups = [ "docker" ];
        openssh.authorizedKeys.keys = map (key: "restrict,port-forwarding ${key}") cfg.keys;
      };
    }
    // lib.optionalAttrs (cfg.runnerUser != null) {
      ${cfg.runnerUser}.extraGroups = [ "docker" ];
    };
  };
}
