import { write } from "./words.js";
import { READY } from "./board_moods.js";

// The dialogs in which a station and the shop are set.

const byId = (id) => document.getElementById(id);

export class Forms {
  /** `change` sends a message; `kitchen` has the stations and the shop. */
  constructor(kitchen, change) {
    this.kitchen = kitchen;
    this.change = change;
    [this.station, this.shop] = ["station-form", "shop-form"].map(byId);
    this.station.addEventListener("submit", ({ submitter }) => submitter?.value === "save" && this.saveStation());
    this.shop.addEventListener("submit", ({ submitter }) => submitter?.value === "save" && this.saveShop());
    byId("open-shop").addEventListener("click", () => this.openShop());
    for (const name of ["help", "look"]) {
      byId(`open-${name}`).addEventListener("click", () => byId(`${name}-dialog`).showModal());
    }
  }

  openStation(station) {
    const form = this.station;
    form.dataset.stage = station.stage;
    write(byId("station-title"), station.name);
    form.is_open.checked = station.is_open;
    form.mean_seconds.value = station.mean_seconds;
    form.as_measured.checked = form.as_measured.defaultChecked = station.as_measured;
    form.places.value = station.places;
    form.headway_seconds.value = station.headway_seconds ?? "";
    form.ends_by.value = station.ends_by ?? "clock";
    write(byId("station-measured"), station.measured_words);
    offer(form.is_open, station.stage !== READY); // what is ready always finds a place there
    offer(form.places, station.kind !== "belt");
    offer(form.headway_seconds, station.kind === "belt" && "headway_seconds" in station);
    offer(form.ends_by, station.stage !== READY && "ends_by" in station);
    form.parentElement.showModal();
  }

  saveStation() {
    const form = this.station;
    const message = { action: "station", stage: form.dataset.stage, mean_seconds: Number(form.mean_seconds.value) };
    if (isOffered(form.is_open)) message.is_open = form.is_open.checked;
    // It turns itself on, perhaps while this form was open: only who has ticked or unticked the box means it.
    if (form.as_measured.checked !== form.as_measured.defaultChecked) message.as_measured = form.as_measured.checked;
    if (isOffered(form.places)) message.places = Number(form.places.value);
    if (isOffered(form.headway_seconds)) message.headway_seconds = Number(form.headway_seconds.value);
    if (isOffered(form.ends_by)) message.ends_by = form.ends_by.value;
    this.change(message);
  }

  openShop() {
    const { shop: form, kitchen } = this;
    if (!kitchen.shop) return; // the board has not come yet
    form.is_open.checked = kitchen.shop.is_open;
    form.speed.value = kitchen.shop.speed;
    form.demand_per_hour.value = kitchen.shop.demand_per_hour;
    form.carry_out_percent.value = Number((kitchen.shop.carry_out_share * 100).toPrecision(6));
    form.hands_over.checked = kitchen.shop.hands_over;
    form.parentElement.showModal();
  }

  saveShop() {
    const form = this.shop;
    const carry_out_share = Number(form.carry_out_percent.value) / 100;
    const numbers = { speed: Number(form.speed.value), demand_per_hour: Number(form.demand_per_hour.value), carry_out_share };
    this.change({ action: "shop", ...numbers, is_open: form.is_open.checked, hands_over: form.hands_over.checked });
  }
}

/** Show a field with its label, or take both away: a hidden field must not be checked either. */
function offer(field, is) {
  field.disabled = !is;
  field.closest("div").hidden = !is;
}

function isOffered(field) {
  return !field.disabled;
}
