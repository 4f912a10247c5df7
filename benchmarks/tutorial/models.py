"""The tutorial's order, and its signal."""

import json
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils.crypto import get_random_string

PROGRESS = {"Order received": 20, "Baking": 40, "Baked": 60, "Out for delivery": 80, "Delivered": 100}
STATUSES = list(PROGRESS)


class Pizza(models.Model):
    name = models.CharField(max_length=80)
    price = models.IntegerField()


class Order(models.Model):
    pizza = models.ForeignKey(Pizza, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    order_id = models.CharField(max_length=20, unique=True, blank=True)
    amount = models.IntegerField(default=100)
    status = models.CharField(max_length=20, default=STATUSES[0])
    date = models.DateTimeField(auto_now_add=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.order_id:
            self.order_id = get_random_string(20)
        super().save(*args, **kwargs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "amount": self.amount,
            "status": self.status,
            "date": str(self.date),
            "progress": PROGRESS[self.status],
        }

    @staticmethod
    def get_order_detail(order_id: str) -> dict[str, Any]:
        return Order.objects.get(order_id=order_id).as_dict()


@receiver(post_save, sender=Order)
def tell_the_page(instance: Order, created: bool, **kwargs: Any) -> None:
    if not created:
        async_to_sync(get_channel_layer().group_send)(
            f"order_{instance.order_id}",
            {"type": "order_status", "value": json.dumps(instance.as_dict())},
        )
